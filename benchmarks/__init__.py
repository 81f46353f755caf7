"""Speed, memory and accuracy, as scripts that print tables."""
