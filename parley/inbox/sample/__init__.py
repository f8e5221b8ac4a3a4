"""The sample business of the demo: Juniper Hair Studio of Portland, two people, forty clients, some weeks of texts."""
