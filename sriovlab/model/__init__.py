"""The nouns of a host and their graph. Shows no words, opens no file."""
