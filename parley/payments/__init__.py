"""What a business asks of its clients: payment requests and estimates."""
