"""Chaos: experiments on the running stack, each with a hypothesis and a verdict. What they break is always mended."""
