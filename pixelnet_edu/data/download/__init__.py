"""Where photographs and weights come from: addresses and terms in sources, fetching and unpacking."""
