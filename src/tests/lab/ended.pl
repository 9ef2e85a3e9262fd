# A process that lives on after what it had in its iommufd context has ended. Makes REQUESTS
# requests of one entry to each of two nested HWPTs of the mock
# (drivers/iommu/iommufd/iommufd_test.h); the first ends by IOMMU_DESTROY where a line of the input
# says `destroy`, both without where one says `close`. Ends with its input.
my ($requests) = @ARGV;
open(my $iommu, '+<', '/dev/iommu') or die "/dev/iommu: $!";

# Each structure begins with its size; answers what the kernel left of it.
sub request {
    my ($number, $structure) = @_;
    substr($structure, 0, 4) = pack('L', length $structure);
    ioctl($iommu, $number, $structure) // die sprintf('%x: %s', $number, $!);
    return $structure;
}
sub address { return unpack('Q', pack('P', $_[0])) }

# IOMMU_IOAS_ALLOC: size, flags, out_ioas_id.
my $ioas = (unpack 'L3', request(0x3b81, pack('L3', 0, 0, 0)))[2];
# IOMMU_TEST_CMD, IOMMU_TEST_OP_MOCK_DOMAIN: size, op, id, 0; out_stdev_id, out_hwpt_id, out_idev_id.
my $device = (unpack 'L7', request(0x3ba0, pack('L18', 0, 2, $ioas, (0) x 15)))[6];
# IOMMU_HWPT_ALLOC: size, flags, dev_id, pt_id, out_hwpt_id, 0, data_type, data_len; data_uptr;
# fault_id, 0.
sub hwpt {
    my ($flags, $under, $type, $data) = @_;
    my $command = pack('L8QL2', 0, $flags, $device, $under, 0, 0, $type, length $data,
        length $data ? address($data) : 0, 0, 0);
    return (unpack 'L5', request(0x3b89, $command))[4];
}
my $parent = hwpt(1, $ioas, 0, '');
# IOMMU_HWPT_INVALIDATE: size, hwpt_id; data_uptr; data_type, entry_len, entry_num, 0.
my $entry = pack('L2', 1, 0);
my @nested;
for (1 .. 2) {
    my $nested = hwpt(0, $parent, 0xdead, pack('L2', 0xbadbeef, 0));
    my $command = pack('L2QL4', 0, $nested, address($entry), 0xdeadbeef, length $entry, 1, 0);
    request(0x3b8d, $command) for 1 .. $requests;
    push @nested, $nested;
}
while (my $end = readline STDIN) {
    if ($end eq "destroy\n") {
        # IOMMU_DESTROY: size, id.
        request(0x3b80, pack('L2', 0, shift @nested));
    } else {
        close($iommu) or die "close: $!";
    }
}
