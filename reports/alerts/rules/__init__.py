"""Rules that find unusual days: what they read, what they compare with, what they find."""
