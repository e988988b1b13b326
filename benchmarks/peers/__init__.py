"""What is measured: echo servers and clients, each written as a competent user of its library would."""
