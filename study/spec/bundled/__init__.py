"""Studies that come with the program, each a TOML file that is named without its ending."""
