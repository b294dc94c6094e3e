"""What the gateway's API and command line do, whoever asks: one module a subject, no doors of their own."""
