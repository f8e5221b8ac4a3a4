"""What other systems tell: signed webhooks of a business's booking and payment programs."""
