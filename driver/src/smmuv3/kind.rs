use crate::command_types::command_types;

command_types! {
    /// The commands that a virtual SMMU executes (Arm IHI 0070, 4.1.1), in the order of
    /// [`CommandType::ALL`].
    CommandType {
        /// `CMD_PREFETCH_CONFIG`, 0x01.
        PrefetchConfig = "prefetch-config",
        /// `CMD_PREFETCH_ADDR`, 0x02.
        PrefetchAddr = "prefetch-addr",
        /// `CMD_CFGI_STE`, 0x03.
        CfgiSte = "cfgi-ste",
        /// `CMD_CFGI_STE_RANGE` and `CMD_CFGI_ALL`, 0x04.
        CfgiSteRange = "cfgi-ste-range",
        /// `CMD_CFGI_CD`, 0x05.
        CfgiCd = "cfgi-cd",
        /// `CMD_CFGI_CD_ALL`, 0x06.
        CfgiCdAll = "cfgi-cd-all",
        /// `CMD_TLBI_NH_ALL`, 0x10.
        TlbiNhAll = "tlbi-nh-all",
        /// `CMD_TLBI_NH_ASID`, 0x11.
        TlbiNhAsid = "tlbi-nh-asid",
        /// `CMD_TLBI_NH_VA`, 0x12.
        TlbiNhVa = "tlbi-nh-va",
        /// `CMD_TLBI_NH_VAA`, 0x13.
        TlbiNhVaa = "tlbi-nh-vaa",
        /// `CMD_TLBI_NSNH_ALL`, 0x30.
        TlbiNsnhAll = "tlbi-nsnh-all",
        /// `CMD_ATC_INV`, 0x40.
        AtcInv = "atc-inv",
        /// `CMD_PRI_RESP`, 0x41.
        PriResp = "pri-resp",
        /// `CMD_RESUME`, 0x44.
        Resume = "resume",
        /// `CMD_STALL_TERM`, 0x45.
        StallTerm = "stall-term",
        /// `CMD_SYNC`, 0x46.
        Sync = "sync",
    }
}
