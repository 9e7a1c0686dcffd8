import Testing

@testable import Runtime

@Suite struct `The log's Merkle tree` {
    private static func leaf(_ number: Int64) -> TreeHash { .leaf(Array("event \(number)".utf8)) }

    /// By the definition in RFC 6962, section 2.1.
    private static func root(_ leaves: ArraySlice<TreeHash>) -> TreeHash {
        if leaves.isEmpty { return .emptyTree }
        if leaves.count == 1 { return leaves[leaves.startIndex] }
        var half = 1
        while half * 2 < leaves.count { half *= 2 }
        let middle = leaves.startIndex + half
        return .node(root(leaves[..<middle]), root(leaves[middle...]))
    }

    private static let leaves = (0..<200).map { leaf($0) }

    private static func nodes(_ size: Int) -> [TreeNode: TreeHash] {
        var (frontier, nodes) = (TreeFrontier(), [TreeNode: TreeHash]())
        for leaf in leaves.prefix(size) { frontier.append(leaf) { nodes[$0] = $1 } }
        return nodes
    }

    @Test func `has the roots of the test vectors of Certificate Transparency`() {
        let inputs = [
            "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
        ]
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ]
        var frontier = TreeFrontier()
        #expect(Self.hex(frontier.root) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        for (input, root) in zip(inputs, roots) {
            frontier.append(.leaf(Self.bytes(input)))
            #expect(Self.hex(frontier.root) == root)
        }
    }

    @Test func `has the root that the definition gives, at each size, also taken up again from its stored nodes`() {
        var frontier = TreeFrontier()
        for size in 1...200 {
            frontier.append(Self.leaves[size - 1])
            #expect(frontier.size == Int64(size))
            #expect(frontier.root == Self.root(Self.leaves[..<size]))
            #expect(TreeFrontier(size: Int64(size), Self.nodes(size)) == frontier)
        }
        #expect(TreeFrontier(size: 7, [:]) == nil)
    }

    @Test func `proves of each leaf that it is in the tree, and of no other`() throws {
        for size in [1, 2, 3, 7, 8, 9, 63, 64, 65, 200] {
            let (nodes, root) = (Self.nodes(size), Self.root(Self.leaves[..<size]))
            for index in 0..<Int64(size) {
                let path = try TreeProof.inclusion(of: index, in: Int64(size)).map {
                    try #require(TreeProof.root(of: $0) { nodes[$0] })
                }
                let leaf = Self.leaves[Int(index)]
                #expect(TreeProof.verifies(leaf: leaf, at: index, path, size: Int64(size), root: root))
                #expect(!TreeProof.verifies(leaf: .emptyLeaf, at: index, path, size: Int64(size), root: root))
                #expect(!TreeProof.verifies(leaf: leaf, at: index ^ 1, path, size: Int64(size), root: root))
                #expect(!TreeProof.verifies(leaf: leaf, at: index, path + [leaf], size: Int64(size), root: root))
                if !path.isEmpty {
                    #expect(
                        !TreeProof.verifies(
                            leaf: leaf, at: index, path.dropLast(), size: Int64(size), root: root))
                }
            }
        }
    }

    @Test func `proves of each two sizes that the later tree begins with the earlier one, and of no other tree`() throws
    {
        for later in [1, 2, 3, 7, 8, 9, 33, 64, 65, 100] {
            let (nodes, laterRoot) = (Self.nodes(later), Self.root(Self.leaves[..<later]))
            for earlier in 1...later {
                let earlierRoot = Self.root(Self.leaves[..<earlier])
                let path = try TreeProof.consistency(from: Int64(earlier), to: Int64(later)).map {
                    try #require(TreeProof.root(of: $0) { nodes[$0] })
                }
                func verifies(_ one: TreeHash, _ other: TreeHash, _ path: [TreeHash]) -> Bool {
                    TreeProof.verifies(from: Int64(earlier), one, to: Int64(later), other, path)
                }
                #expect(verifies(earlierRoot, laterRoot, path))
                #expect(!verifies(.emptyLeaf, laterRoot, path))
                #expect(!verifies(earlierRoot, .emptyLeaf, path))
                #expect(!verifies(earlierRoot, laterRoot, path + [laterRoot]))
                if !path.isEmpty { #expect(!verifies(earlierRoot, laterRoot, path.dropLast())) }
            }
        }
    }

    private static func hex(_ hash: TreeHash) -> String {
        hash.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).map { offset in
            UInt8(hex.dropFirst(offset).prefix(2), radix: 16) ?? 0
        }
    }
}
