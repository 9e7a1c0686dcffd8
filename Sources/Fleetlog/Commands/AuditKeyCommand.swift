import ArgumentParser
import Gateway
import Runtime

struct AuditKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make or change the key that signs the heads of the log.",
        subcommands: [Create.self, Rotate.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key file for --seal-key-file, and its public half beside it.")

        @Argument(help: "The key's file, which must not exist yet.")
        var file: String

        func run() async throws {
            let keys = SealKeyFile(path: file)
            try keys.create()
            try Console.answer("The key is in \(file); give \(keys.publicPath) to those who are to verify the log.")
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a new key in force, from the next head on; the server need not be restarted.",
            discussion: """
                Heads are signed by the new key and by the one before, until the next change: so whoever trusts the old \
                one learns of the new one.
                """)

        @Argument(help: "The key's file; without it the one of the installation in --folder.")
        var file: String?

        @OptionGroup var installation: InstallationOptions

        @Flag(help: "Where the log cannot be reached: the change is then not recorded in it.")
        var unrecorded = false

        @Flag(help: "The old key signs nothing more: somebody else may know it. Give the new public key to all.")
        var dropOld = false

        func run() async throws {
            let keys = SealKeyFile(path: file ?? installation.folder + "/seal-key")
            if unrecorded {
                try keys.rotate(dropsOld: dropOld)
            } else {
                try await LogAccess.with(installation.serverURL()) { log in
                    let before = try keys.keys()[0].verifier
                    try await log.administer(
                        .sealKeyRotationRequested, before.name, ["dropsOld": "\(dropOld)"]
                    ) { try keys.rotate(dropsOld: dropOld) }
                }
            }
            try Console.answer("A new key is in force; its public half is the first line of \(keys.publicPath).")
        }
    }
}
