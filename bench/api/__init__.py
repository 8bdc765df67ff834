"""How fast the lists and the search of the chat API answer, over HTTP, with a lot behind them."""
