// The pretend payment page: what is to be paid, a pretend card, and the way back.

const $ = (id) => document.getElementById(id);
const door = `/sandbox/payments/${location.pathname.split("/").pop()}`;

async function ask(path, body) {
  const answer = await fetch(path, body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

// An address that a stranger's program gave: it leads out of here, and runs nothing.
const outside = (address) => (/^https?:\/\//.test(address ?? "") ? address : "/");

function show(order) {
  $("what").textContent = order.name;
  $("price").textContent = new Intl.NumberFormat("en-US", { style: "currency", currency: order.currency }).format(order.cents / 100);
  $("description").textContent = order.description ?? "";
  $("leave").href = outside(order.cancel_url);
  $("back").href = outside(order.success_url);
  $("keeps").hidden = !order.keeps;
  $("bank-line").hidden = !order.bank;
  $("card-form").hidden = order.status !== "open";
  $("done").hidden = order.status === "open";
  $("done-words").textContent = order.status === "expired" ? "This page is too old to pay on." : "This is paid.";
}

async function pay(how) {
  const buttons = $("card-form").querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    location.href = outside((await ask(`${door}/pay`, how)).next);
  } catch (error) {
    $("problem").textContent = error instanceof TypeError ? "The sandbox does not answer." : error.message;
    for (const button of buttons) button.disabled = false;
    $("card").focus();
  }
}

$("card-form").addEventListener("submit", (e) => { e.preventDefault(); pay({ card: $("card").value }); });
$("bank").addEventListener("click", () => pay({ bank: true }));

try {
  show(await ask(door));
} catch (error) {
  $("what").textContent = error.message;
}
