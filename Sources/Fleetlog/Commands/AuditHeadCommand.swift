import ArgumentParser
import Runtime

struct AuditHeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "head", abstract: "Print the newest signed head of the log, to be kept elsewhere.",
        discussion: "Give it to 'fleetlog audit verify --head' later: it proves that nothing before it was changed.")

    @OptionGroup var installation: InstallationOptions

    func run() async throws {
        let head = try await LogAccess.with(installation.serverURL()) { log in
            try await SealedTree(pool: log.pool).newestHead()
        }
        guard let head else {
            throw SettingsError("no head was signed yet: the server signs one each minute if it has a seal key")
        }
        try Console.answer(head.note, terminator: "")
    }
}
