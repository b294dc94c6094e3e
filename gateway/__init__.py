"""Answers Twilio phone calls with Vatel voice agents."""
