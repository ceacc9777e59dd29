using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Latchkey.Storage.Sqlite;

/// <summary>What a look through a database found.</summary>
/// <param name="Damage">The first thing that is wrong; null if nothing was seen.</param>
/// <param name="Found">A sentence for people.</param>
internal sealed record IntegrityCheck(string? Damage, string Found)
{
    /// <summary>Looks through a database for as long as it may take: <c>PRAGMA quick_check</c>, which leaves out comparing indexes with their tables.</summary>
    /// <param name="session">A connection with no transaction.</param>
    /// <param name="limit">How long.</param>
    public static IntegrityCheck Run(SqliteSession session, TimeSpan limit)
    {
        const int Interrupted = 9;
        const int InstructionsBetweenLooks = 10_000;
        var started = Stopwatch.GetTimestamp();
        var handle = session.Connection.Handle!;
        raw.sqlite3_progress_handler(handle, InstructionsBetweenLooks, _ => Stopwatch.GetElapsedTime(started) > limit ? 1 : 0, null);
        try
        {
            using var command = session.Connection.CreateCommand();
            command.CommandText = "PRAGMA quick_check(1)";
            var answer = (string)command.ExecuteScalar()!;
            if (answer != "ok") return new(answer.ReplaceLineEndings(" "), "it is damaged.");
            return new(null, string.Create(CultureInfo.InvariantCulture, $"PRAGMA quick_check found no damage in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} seconds."));
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode == Interrupted)
        {
            return new(null, string.Create(CultureInfo.InvariantCulture,
                $"PRAGMA quick_check found no damage in the {limit.TotalSeconds:0} seconds that it may take, but did not come to the end; PRAGMA integrity_check on a backup looks at everything."));
        }
        finally
        {
            raw.sqlite3_progress_handler(handle, 0, null, null);
        }
    }
}
