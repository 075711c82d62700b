"""Which pixels to train on."""
