#include "go_asm.h"
#include "textflag.h"

// func repeatAVX2(first *Record, n int, r *Record)
TEXT ·repeatAVX2(SB), NOSPLIT, $0-24
	MOVQ first+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ r+16(FP), SI
	VMOVDQU 0(SI), Y0
	VMOVDQU 32(SI), Y1
	VMOVDQU 64(SI), Y2
	VMOVDQU 96(SI), Y3
	VMOVDQU 128(SI), Y4
	VMOVDQU 160(SI), Y5
	VMOVDQU 192(SI), Y6
	VMOVDQU 224(SI), Y7
	VMOVDQU 256(SI), Y8
	VMOVDQU (const_recordSize-32)(SI), Y9

copy:
	VMOVDQU Y0, 0(DI)
	VMOVDQU Y1, 32(DI)
	VMOVDQU Y2, 64(DI)
	VMOVDQU Y3, 96(DI)
	VMOVDQU Y4, 128(DI)
	VMOVDQU Y5, 160(DI)
	VMOVDQU Y6, 192(DI)
	VMOVDQU Y7, 224(DI)
	VMOVDQU Y8, 256(DI)
	VMOVDQU Y9, (const_recordSize-32)(DI)
	ADDQ $const_recordSize, DI
	DECQ CX
	JNZ  copy

	VZEROUPPER
	RET
