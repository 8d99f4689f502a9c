// Package option holds options that plugins have in common, as structs to be embedded into a plugin's configuration:
//
//	type Config struct {
//		URL string `toml:"url"`
//		option.HTTP
//		option.Queue
//		option.Output
//	}
//
// Each struct has its keys, sets its defaults, reports everything that is wrong with it at once, and turns into the
// settings of the package that does the work. The zero value of an option is its default; a pointer stands where zero
// is a choice of its own. What an option means for people says the plugin's sample.conf, which has to show all of them.
//
// A plugin with a default of its own sets it before it calls SetDefaults, which leaves alone what is set. The structs
// have methods of the same names: call them by the struct, as in c.Queue.Validate.
//
// The functions beside the structs are for what plugins check of their other options, in the same words.
package option
