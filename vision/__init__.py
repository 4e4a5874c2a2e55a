"""Images and findings in, findings and verdicts out.

The lowest room of the house: it imports none of the other packages and has no
files, clock, threads or sockets of its own (ONNX Runtime's thread pool apart).
Everything here can be called with arrays and bytes, on any machine.
"""
