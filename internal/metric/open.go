package metric

// OpenAtEnd tells whether a text is open at the end of a piece of a line, where a newline follows that then belongs to
// the text. A line begins with the piece for which open is false; for each further piece, up to its newline, open is
// what came out before. broken tells that what was looked at can be no line whatever follows; then nothing is open.
//
// It is for whoever cuts a stream into lines. It does not find every mistake, that is left to [Parser.Parse].
func OpenAtEnd(piece []byte, open bool) (stillOpen, broken bool) {
	at := 0
	if !open {
		if at = skipSpaces(piece, 0); at < len(piece) && piece[at] == '#' {
			return false, false
		}
		at = skipSpaces(piece, headEnd(piece, at))
	}
	for {
		if !open {
			equals := keyEnd(piece, at)
			if equals == at || equals == len(piece) || piece[equals] != '=' {
				return false, true
			}
			at = equals + 1
		}
		switch {
		case open:
			at = textEnd(piece, -1) // as if the opening mark stood before the piece
		case at < len(piece) && piece[at] == '"':
			at = textEnd(piece, at)
		default:
			at = wordEnd(piece, at)
		}
		switch {
		case at < 0:
			return true, false
		case at == len(piece) || piece[at] == ' ' || piece[at] == '\r':
			return false, false
		case piece[at] != ',':
			return false, true
		}
		at++
		open = false
	}
}
