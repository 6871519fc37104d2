"""Why a token was written: what of the source the model used for it."""
