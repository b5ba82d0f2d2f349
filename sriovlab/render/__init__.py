"""How it is drawn: themes, SVG, pages, files. Colour enters here."""
