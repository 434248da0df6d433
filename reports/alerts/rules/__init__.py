"""Rules that find days worth a look: what they read, what they compare with, what they find."""
