"""Third layer: asks the marts, renders messages, sends them."""
