"""What `ferrogate bench` measures, one module per part."""
