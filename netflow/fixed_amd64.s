#include "go_asm.h"
#include "textflag.h"

// PIECE writes one piece of the record: that of like with bytes of the datagram put in.
#define PIECE(at, in, shuffle) \
	VPSHUFB shuffle, in, Y2 \
	VPOR    at(DX), Y2, Y2  \
	VMOVDQU Y2, at(DI)

// MASK makes a register all ones if it is not zero.
#define MASK(r) \
	NEGL r    \
	SBBQ r, r

// func fixedAVX2(recs *flow.Record, p *byte, n int, like *flow.Record, export int64, uptime uint32, ord uint64, odd *odds) uint
//
// DI record, SI datagram, CX records left, DX like, R8 ord, R9 odd, R10 how many odd, R11 Has of
// like without HasFlags, R12 number of the record, R15 isOdd; Y0 16 bytes of the datagram twice;
// Y3 to Y12 shuffles, Y13 10^6, Y14 uptime, Y15 export.
TEXT ·fixedAVX2(SB), NOSPLIT, $0-72
	MOVQ recs+0(FP), DI
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ like+24(FP), DX
	VPBROADCASTQ export+32(FP), Y15
	MOVL uptime+40(FP), AX
	VMOVD AX, X14
	VPBROADCASTD X14, Y14
	MOVQ ord+48(FP), R8
	MOVQ odd+56(FP), R9
	MOVL $1000000, AX
	VMOVQ AX, X13
	VPBROADCASTQ X13, Y13
	LEAQ ·shuffles(SB), AX
	VMOVDQU 0(AX), Y3
	VMOVDQU 32(AX), Y4
	VMOVDQU 64(AX), Y5
	VMOVDQU 96(AX), Y6
	VMOVDQU 128(AX), Y7
	VMOVDQU 160(AX), Y8
	VMOVDQU 192(AX), Y9
	VMOVDQU 224(AX), Y10
	VMOVDQU 256(AX), Y11
	VMOVDQU 288(AX), Y12
	MOVQ $const_hasFlags, AX
	NOTQ AX
	MOVQ const_recordHas(DX), R11
	ANDQ AX, R11
	LEAQ ·isOdd(SB), R15
	XORL R10, R10
	XORL R12, R12

record:
	// Counts and times: the signed distance from the uptime, in ms.
	VBROADCASTI128 16(SI), Y0
	PIECE(128, Y0, Y3)
	VPSHUFB X4, X0, X0
	VPSUBD  X14, X0, X0
	VPMULDQ X13, X0, X0
	VPADDQ  X15, X0, X0
	VMOVDQU 16(DX), X2
	VMOVDQU X0, 0(DI)
	VMOVDQU X2, 16(DI)

	// Addresses. The next hop is none where it is zero.
	VBROADCASTI128 0(SI), Y0
	PIECE(32, Y0, Y5)
	PIECE(64, Y0, Y6)
	MOVL 8(SI), BX
	MASK(BX)
	VMOVQ BX, X1
	VPBROADCASTQ X1, Y1
	VPSHUFB Y7, Y0, Y2
	VPOR    96(DX), Y2, Y2
	VPAND   Y1, Y2, Y2
	VMOVDQU Y2, 96(DI)
	ANDQ $const_hasNextHop, BX
	ORQ  R11, BX

	// Interfaces, and all that is behind the times.
	VPSHUFB Y8, Y0, Y1
	VBROADCASTI128 32(SI), Y0
	PIECE(160, Y0, Y9)
	VMOVDQU 192(DX), Y2
	VMOVDQU Y2, 192(DI)
	VPSHUFB Y10, Y0, Y2
	VPOR    Y1, Y2, Y2
	VPOR    224(DX), Y2, Y2
	VMOVDQU Y2, 224(DI)
	PIECE(256, Y0, Y11)
	PIECE((const_recordSize-32), Y0, Y12)

	// What of it was given.
	MOVWLZX 40(SI), AX
	MASK(AX)
	ANDQ $const_hasSrcAS, AX
	ORQ  AX, BX
	MOVWLZX 42(SI), AX
	MASK(AX)
	ANDQ $const_hasDstAS, AX
	ORQ  AX, BX
	MOVBLZX 37(SI), AX
	MASK(AX)
	MOVBLZX 38(SI), R13
	MOVB R12, (R9)(R10*1)
	MOVBLZX (R15)(R13*1), R14
	ADDQ R14, R10
	CMPL R13, $6
	SETEQ R13
	MOVBLZX R13, R13
	NEGQ R13
	ORQ  R13, AX
	ANDQ $const_hasFlags, AX
	ORQ  AX, BX
	MOVQ R8, const_recordOrd(DI)
	MOVQ BX, const_recordHas(DI)

	INCQ R8
	INCQ R12
	ADDQ $48, SI
	ADDQ $const_recordSize, DI
	DECQ CX
	JNZ  record

	VZEROUPPER
	MOVQ R10, ret+64(FP)
	RET
