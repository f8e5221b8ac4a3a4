/* The card of a client follows its conversation: see live.js for the event. */
document.addEventListener("parley:change", (e) => {
  const card = document.getElementById("client-card"), { conversations } = e.detail, own = card.dataset.conversation;
  /* Nothing named means that anything may have changed; a client without a conversation may just have got one. */
  if (!conversations.length || !own || conversations.includes(own)) htmx.trigger(card, "refresh");
});
