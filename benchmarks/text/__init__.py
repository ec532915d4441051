"""Languages and topics of texts: how often they are named rightly, on public data sets and on posts of our own."""
