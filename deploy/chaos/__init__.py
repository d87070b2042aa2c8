"""Chaos: experiments on the running stack, each with a hypothesis and a verdict, and always mended again."""
