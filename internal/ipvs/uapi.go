package ipvs

// Numbers of the generic netlink family "IPVS", under the names that
// include/uapi/linux/ip_vs.h gives them (IPVS_ prefix dropped).

// familyName and familyVersion identify the family (IPVS_GENL_NAME,
// IPVS_GENL_VERSION).
const (
	familyName    = "IPVS"
	familyVersion = 1
)

// Commands (enum in ip_vs.h, IPVS_CMD_*). The Get commands are requests, the
// others stand in replies; every command that changes the table is left out on
// purpose.
const (
	cmdNewService = 1 // reply to cmdGetService
	cmdGetService = 4
	cmdNewDest    = 5 // reply to cmdGetDest
	cmdGetDest    = 8
	cmdNewDaemon  = 9 // reply to cmdGetDaemon
	cmdGetDaemon  = 11
	cmdSetConfig  = 12 // reply to cmdGetConfig
	cmdGetConfig  = 13
	cmdSetInfo    = 14 // reply to cmdGetInfo
	cmdGetInfo    = 15
)

// Outermost attributes of a message (IPVS_CMD_ATTR_*).
const (
	attrService    = 1
	attrDest       = 2
	attrDaemon     = 3
	attrTimeoutTCP = 4 // u32, seconds
	attrTimeoutFin = 5 // u32, seconds
	attrTimeoutUDP = 6 // u32, seconds
)

// Attributes of GET_INFO's reply (IPVS_INFO_ATTR_*).
const (
	infoVersion     = 1 // u32, 0x010201 for 1.2.1
	infoConnTabSize = 2 // u32, hash buckets
)

// Attributes of a service (IPVS_SVC_ATTR_*).
const (
	svcAF        = 1  // u16, AF_INET or AF_INET6
	svcProtocol  = 2  // u16, absent for firewall-mark services
	svcAddr      = 3  // 16 bytes, an IPv4 address in the first four
	svcPort      = 4  // u16, network order
	svcFWMark    = 5  // u32, absent when zero
	svcSchedName = 6  // NUL-terminated string
	svcFlags     = 7  // struct ip_vs_flags {u32 flags, u32 mask}
	svcTimeout   = 8  // u32, seconds
	svcNetmask   = 9  // IPv4: mask in network order; IPv6: u32 prefix length in host order
	svcStats     = 10 // nested, 32-bit members but for bytes
	svcPEName    = 11 // NUL-terminated string
	svcStats64   = 12 // nested, 64-bit members; kernel 4.1 and later
)

// Attributes of a destination (IPVS_DEST_ATTR_*).
const (
	destAddr         = 1  // 16 bytes, an IPv4 address in the first four
	destPort         = 2  // u16, network order
	destFwdMethod    = 3  // u32, the method in the low three bits
	destWeight       = 4  // u32
	destUThresh      = 5  // u32
	destLThresh      = 6  // u32
	destActiveConns  = 7  // u32
	destInactConns   = 8  // u32
	destPersistConns = 9  // u32
	destStats        = 10 // nested
	destAddrFamily   = 11 // u16; kernel 3.18 and later
	destStats64      = 12 // nested; kernel 4.1 and later
	destTunType      = 13 // u8; kernel 5.2 and later
	destTunPort      = 14 // u16, network order
	destTunFlags     = 15 // u16
)

// Attributes of a synchronisation daemon (IPVS_DAEMON_ATTR_*).
const (
	daemonState      = 1 // u32
	daemonMcastIfn   = 2 // NUL-terminated string
	daemonSyncID     = 3 // u32
	daemonSyncMaxLen = 4 // u16, bytes
	daemonMcastGroup = 5 // 4 bytes, IPv4
	daemonMcastGrp6  = 6 // 16 bytes, IPv6
	daemonMcastPort  = 7 // u16, host order (unlike every other port here)
	daemonMcastTTL   = 8 // u8
)

// Attributes inside STATS and STATS64 (IPVS_STATS_ATTR_*).
const (
	statConns    = 1
	statInPkts   = 2
	statOutPkts  = 3
	statInBytes  = 4
	statOutBytes = 5
	statCPS      = 6
	statInPPS    = 7
	statOutPPS   = 8
	statInBPS    = 9
	statOutBPS   = 10
)

// Service flags (IP_VS_SVC_F_*).
const (
	flagPersistent = 0x01
	flagHashed     = 0x02 // set by the kernel on every listed service; no property of it
	flagOnePacket  = 0x04
	flagSched1     = 0x08
	flagSched2     = 0x10
	flagSched3     = 0x20
)

// fwdMask selects the forwarding method (IP_VS_CONN_F_FWD_MASK).
const fwdMask = 0x07

// Sizes of the netlink framing (include/uapi/linux/netlink.h, genetlink.h).
const (
	nlmsgHeader = 16 // u32 length, u16 type, u16 flags, u32 sequence, u32 port id
	genlHeader  = 4  // u8 command, u8 version, u16 reserved
	nlaHeader   = 4  // u16 length, u16 type
	nlaTypeMask = 0x3fff
)

// Netlink message types and flags.
const (
	nlmsgNoop  = 1
	nlmsgError = 2
	nlmsgDone  = 3
	nlmsgOver  = 4

	nlmFRequest    = 0x0001
	nlmFMulti      = 0x0002
	nlmFDumpIntr   = 0x0010
	nlmFDump       = 0x0300 // NLM_F_ROOT | NLM_F_MATCH
	ctrlFamily     = 0x10   // GENL_ID_CTRL
	ctrlVersion    = 2
	ctrlNewFamily  = 1 // CTRL_CMD_NEWFAMILY
	ctrlGetFamily  = 3 // CTRL_CMD_GETFAMILY
	ctrlFamilyID   = 1 // CTRL_ATTR_FAMILY_ID, u16
	ctrlFamilyName = 2 // CTRL_ATTR_FAMILY_NAME, NUL-terminated string
	familyInet     = 2
	familyInet6    = 10
	protocolTCP    = 6
	protocolUDP    = 17
	protocolSCTP   = 132
	addressSize    = 16
)
