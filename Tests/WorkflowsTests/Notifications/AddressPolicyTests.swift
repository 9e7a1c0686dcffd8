import Testing
import Workflows

@Suite struct `A webhook's address` {
    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.255",
        "169.254.169.254", "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1",
        "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
        "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1",
        "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::",
        "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "febf::1", "fec0::1",
        "ff02::1", "4000::1",
    ]) func `is refused unless it is public`(_ text: String) throws {
        #expect(!AddressPolicy().allows(try #require(IPAddress(text))))
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "128.0.0.1",
        "169.253.255.255", "172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.1.1", "198.17.0.1", "198.20.0.1",
        "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:4860:4860::8888",
        "2606:4700::1111", "2a00::1",
    ]) func `is allowed if it is`(_ text: String) throws {
        #expect(AddressPolicy().allows(try #require(IPAddress(text))))
    }

    @Test func `that is private is allowed where the operator says so`() throws {
        let policy = try #require(AddressPolicy("loopback, 10.1.0.0/16,fd12::/16"))
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "10.1.2.3", "fd12::1", "8.8.8.8"] {
            #expect(policy.allows(try #require(IPAddress(text))), "\(text)")
        }
        for text in ["10.2.0.1", "fd13::1", "192.168.0.1", "169.254.169.254", "::ffff:10.2.0.1", "2002:7f00:1::"] {
            #expect(!policy.allows(try #require(IPAddress(text))), "\(text)")
        }
    }

    @Test func `where the cloud keeps its secrets is opened by its own block only`() throws {
        let metadata = try #require(IPAddress("169.254.169.254"))
        for text in ["0.0.0.0/0", "::/0", "128.0.0.0/1", "loopback"] {
            #expect(!(try #require(AddressPolicy(text))).allows(metadata), "\(text)")
        }
        #expect(try #require(AddressPolicy("169.254.169.254/32")).allows(metadata))
        #expect(try #require(AddressPolicy("169.254.0.0/16")).allows(metadata))
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "localhost", "10.0.0.0/8/8", "/8", "0x7f.1"])
    func `is not allowed by what cannot be read`(_ text: String) { #expect(AddressPolicy(text) == nil) }
}
