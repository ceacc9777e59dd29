using System.CommandLine;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Cli;

/// <summary><c>latchkey backup</c> and <c>latchkey restore</c>: a server's whole state as one file, and back.</summary>
internal static class BackupCommands
{
    private static readonly Argument<string> Target = new("file") { Description = "The file to make, readable for you alone: it holds the keys of the server" };
    private static readonly Argument<string> Source = new("file") { Description = "What latchkey backup made" };
    private static readonly Option<bool> Force = new("--force") { Description = "Replace the file if it is there" };
    private static readonly Option<bool> KeepGrants = new("--keep-grants") { Description = "Let grants and sessions live on, also those that were ended after the backup" };

    public static Command CreateBackup() => Describe(
        new Command("backup", "Write a server's database and key ring into one file, also while it runs.") { Target, Force },
        "latchkey backup latchkey-backup.db --data ./data", Backup);

    public static Command CreateRestore() => Describe(
        new Command("restore", "Bring a backup back into an empty data folder. What people granted ends, unless you keep it.") { Source, KeepGrants },
        "latchkey restore latchkey-backup.db --data ./data", RestoreAsync);

    private static Command Describe(Command command, string example, Func<ParseResult, Task> run)
    {
        command.Options.Add(Setting.Data.Option);
        command.Options.Add(Setting.Database.Option);
        command.Options.Add(AdminCommand.Json);
        command.SetAction(async (parsed, _) =>
        {
            await run(parsed).ConfigureAwait(false);
            return CommandLine.Done;
        });
        return command.WithExample(example);
    }

    private static Task Backup(ParseResult parsed)
    {
        var (data, database) = AdminContext.Locate(parsed);
        var file = Path.GetFullPath(parsed.GetValue(Target)!);
        if (!File.Exists(database)) throw new SettingException($"There is no database {database}; name the server's data folder with --data, or its database with --database.");
        if (!DataFolder.KeyRing(data).Exists) throw new SettingException($"There is no key ring {DataFolder.KeyRing(data)}; name the server's data folder with --data.");
        if (!Directory.Exists(Path.GetDirectoryName(file))) throw new SettingException($"There is no folder {Path.GetDirectoryName(file)}; make it, or name another file.");
        if (Directory.Exists(file)) throw new SettingException($"{file} is a folder; name the file to make.");
        if (File.Exists(file) && !parsed.GetValue(Force)) throw new AdministrationException($"The file {file} is there already; choose another name, or replace it with --force.");
        if (file == database) throw new SettingException($"{file} is the database itself; choose another name.");
        SqliteBackup.Take(database, DataFolder.KeyRing(data).FullName, file, TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
        var size = new FileInfo(file).Length;
        new Output(parsed.GetValue(AdminCommand.Json)).Done(
            $"{file} has everything until now ({size / 1024} KiB). Keep it like the server's keys: they are in it.", new JsonObject { ["file"] = file, ["bytes"] = size });
        return Task.CompletedTask;
    }

    private static async Task RestoreAsync(ParseResult parsed)
    {
        var (data, database) = AdminContext.Locate(parsed);
        var file = Path.GetFullPath(parsed.GetValue(Source)!);
        var keeps = parsed.GetValue(KeepGrants);
        if (!File.Exists(file)) throw new SettingException($"There is no file {file}.");
        if (ServiceMark.IsHeld(database)) throw new AdministrationException($"A server runs on {database}; stop it, and move its data folder away.");
        var keyRing = DataFolder.KeyRing(data);
        if (new FileInfo(database) is { Exists: true, Length: > 0 } || (keyRing.Exists && keyRing.EnumerateFileSystemInfos().Any()))
            throw new AdministrationException($"There is a server's state in {data} already; move that folder away, or restore into another with --data.");
        DataFolder.Create(data);
        DataFolder.CreateKeyRing(data);
        DataFolder.CreateDatabase(database);
        var taken = 0L;
        await SqliteBackup.RestoreAsync(file, database, keyRing.FullName, (restored, takenAt) =>
        {
            taken = takenAt;
            return new RestoredDatabase(TimeProvider.System, AdminContext.Actor).SettleAsync(restored, takenAt, keeps);
        }).ConfigureAwait(false);
        new Output(parsed.GetValue(AdminCommand.Json)).Done(
            $"{data} is as it was at {Output.Time(taken)}. " + (keeps
                ? "What was revoked or signed out after that is alive again: end what you know of."
                : "What people granted has ended, so that nothing that was revoked after that is alive again: everybody signs in anew."),
            new JsonObject { ["data"] = data, ["taken_at"] = Output.Moment(taken), ["grants"] = keeps ? "kept" : "ended" });
    }
}
