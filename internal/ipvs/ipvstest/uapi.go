package ipvstest

// Numbers of include/uapi/linux/netlink.h, genetlink.h and ip_vs.h, written
// down anew from there; see the package comment.
const (
	typeError   = 2    // NLMSG_ERROR
	typeDone    = 3    // NLMSG_DONE
	typeControl = 0x10 // GENL_ID_CTRL

	flagMulti = 0x2   // NLM_F_MULTI
	flagIntr  = 0x10  // NLM_F_DUMP_INTR
	flagDump  = 0x300 // NLM_F_DUMP

	headerSize  = 16 // struct nlmsghdr
	genericSize = 4  // struct genlmsghdr
	attrSize    = 4  // struct nlattr

	afInet, afInet6 = 2, 10

	serviceHashed = 0x2 // IP_VS_SVC_F_HASHED
)

// Commands (IPVS_CMD_*, CTRL_CMD_*).
const (
	NewService = 1
	GetService = 4
	NewDest    = 5
	GetDest    = 8
	NewDaemon  = 9
	GetDaemon  = 11
	SetConfig  = 12
	GetConfig  = 13
	SetInfo    = 14
	GetInfo    = 15

	GetFamily = 3 // of the controller, not of IPVS
	newFamily = 1
)
