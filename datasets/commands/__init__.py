"""The subcommands of `ferrogate data`: options in, printed result out; the work is done elsewhere."""
