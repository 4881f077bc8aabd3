"""What pmsbridge asks of the world: adapters, clock, mailer, secrets."""
