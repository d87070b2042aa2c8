"""Chaos: experiments on the running stack, each with a hypothesis and a verdict; what they break is always mended."""
