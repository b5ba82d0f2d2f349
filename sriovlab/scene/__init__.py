"""What is drawn: shapes, words, tokens, time. Language enters here, colour does not."""
