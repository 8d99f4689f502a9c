// Package config reads the program's TOML configuration strictly.
//
// A key or table that no plugin knows, a value of the wrong type, and a plugin
// table in single brackets are all refused, each with file, line and column,
// and all of them in one answer. Columns count bytes from 1, as compilers do.
//
// # Variables
//
// Inside string values, and nowhere else, an environment variable is replaced:
//
//	${NAME}             its value; an error when it is not set
//	${NAME:-default}    its value; default when it is not set or empty
//	${NAME:?message}    its value; an error with message when it is not set or empty
//	$${                 the two characters ${
//
// A dollar sign before anything but an opening brace means itself, and so does
// one that is written as an escape ("\u0024{NAME}"). The form works in all four
// kinds of TOML string, ends on the line where it began, and does not nest. The
// value of a variable is text and never TOML: quotes, backslashes and newlines
// in it stay what they are. Values of variables appear in no error message.
//
// # Types for plugins
//
// [Duration] and [Size] are the types of options that hold a time span or an
// amount of bytes. Every other type that implements [encoding.TextUnmarshaler]
// works too, provided that it is a struct: go-toml stores a TOML string into a
// string type, and an integer into an integer type, without calling the method.
//
// Defaults and secrets are not this package's business, nor is validation of
// values, but for [CheckInterval].
// The grammar is TOML 1.1 as github.com/pelletier/go-toml/v2 parses it.
package config
