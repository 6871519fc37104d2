"""From a prompt to text: rules over logits, strategies, and the Generator."""
