"""The external proxy: calls the third party on behalf of the api."""
