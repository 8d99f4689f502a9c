package ipvs

// What the tests, which are in package ipvs_test because ipvstest imports ipvs,
// see of the inside.

var (
	ErrDesync      = errDesync
	ErrTruncated   = errTruncated
	ErrMalformed   = errMalformed
	ErrInterrupted = errInterrupted
	ErrNoItem      = errNoItem
)

var (
	Allowed              = allowed
	AppendFamilyRequest  = appendFamilyRequest
	AppendRequest        = appendRequest
	AppendServiceRequest = appendServiceRequest

	DecodeDestination = decodeDestination
	Hash              = hash
	DecodeInfo        = decodeInfo
	DecodeTimeouts    = decodeTimeouts
	DecodeDaemon      = decodeDaemon
	DecodeFamily      = decodeFamily
)

type (
	Reply  = reply
	Strtab = strtab
	Layout = layout
)

func NewReply(seq, port uint32, family uint16, cmd uint8) *Reply {
	return &reply{seq: seq, port: port, family: family, cmd: cmd}
}

func (r *reply) Take(datagram []byte, each func([]byte)) (bool, error) {
	return r.take(datagram, each)
}

func (r *reply) Interrupted() bool { return r.interrupted }
func (r *reply) Datagrams() int    { return r.datagrams }

func DecodeService(payload []byte, svc *Service) error {
	return decodeService(payload, svc, strtab{})
}

// DecodeServiceWith is DecodeService with strings that are kept.
func DecodeServiceWith(payload []byte, svc *Service, names Strtab) error {
	return decodeService(payload, svc, names)
}

func (l *layout) Destination(payload []byte, inherited Family, d *Destination) error {
	return l.destination(payload, inherited, d)
}

// Learnt reports whether the layout fits messages of some kind.
func (l *layout) Learnt() bool { return l.size > 0 }
