package metric

// Known returns how many series and keys p keeps.
func (p *Parser) Known() (series, keys int) { return p.heads.Len(), p.keys.Len() }
