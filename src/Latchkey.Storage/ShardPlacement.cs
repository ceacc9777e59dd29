using System.Security.Cryptography;

namespace Latchkey.Storage;

/// <summary>
/// The row of <c>shard_placement</c>: each of several databases says which it is, so that nobody can start with others, with one too few, or with the
/// buckets spread otherwise, and look for people where they are not.
/// </summary>
/// <param name="Installation">The same in each; a random text.</param>
/// <param name="Number">Which of them it is, from 1.</param>
/// <param name="Map">The buckets of each, <see cref="ShardMap.ToString"/>.</param>
internal sealed record ShardPlacement(string Installation, int Number, string Map)
{
    /// <summary>Holds what was said against what the databases say, and writes it down where they say nothing yet.</summary>
    /// <exception cref="DatabaseUnavailableException">It is otherwise, or a database has rows of people whom nobody would look for there.</exception>
    public static async Task SettleAsync(Database database)
    {
        var shards = database.Shards;
        var found = new ShardPlacement?[shards.Count];
        for (var i = 0; i < shards.Count; i++) found[i] = await FindAsync(shards[i]).ConfigureAwait(false);
        if (shards.Count == 1)
        {
            if (found[0] is { } one)
                throw new DatabaseUnavailableException($"The database {database.Location} is number {one.Number} of {one.Map.Split(' ').Length} that belong together; name all of them, in their order.");
            return;
        }

        // All is judged before anything is written.
        var map = database.Map.ToString();
        var installation = found.FirstOrDefault(placement => placement is not null)?.Installation ?? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        for (var i = 0; i < shards.Count; i++)
        {
            if (found[i] is { } placement) Compare(placement, shards[i], new(installation, i + 1, map));
            else if (await HasPeopleAsync(shards[i]).ConfigureAwait(false))
                throw new DatabaseUnavailableException($"The database {shards[i].Location} has people and is not yet one of several; copy them into empty databases with latchkey move.");
        }

        for (var i = 0; i < shards.Count; i++)
        {
            if (found[i] is not null) continue;
            var added = new ShardPlacement(installation, i + 1, map);
            await shards[i].WriteAsync(sql => InsertAsync(sql, added)).ConfigureAwait(false);
            // Another node may have been first: all take the installation that it wrote to the first database.
            var kept = await FindAsync(shards[i]).ConfigureAwait(false) ?? added;
            if (i == 0) installation = kept.Installation;
            Compare(kept, shards[i], new(installation, i + 1, map));
        }
    }

    private static void Compare(ShardPlacement found, Database database, ShardPlacement named)
    {
        if (found.Installation != named.Installation) throw new DatabaseUnavailableException($"The database {database.Location} belongs to another installation than the others.");
        if (found.Number != named.Number)
            throw new DatabaseUnavailableException($"The database {database.Location} is number {found.Number} of its installation, and was named as number {named.Number}; keep their order.");
        if (found.Map != named.Map)
            throw new DatabaseUnavailableException($"The database {database.Location} knows the buckets as \"{found.Map}\", and they were given as \"{named.Map}\"; moving buckets takes more than naming them otherwise.");
    }

    private static async Task<ShardPlacement?> FindAsync(Database database) =>
        await database.ReadAsync(sql => sql.FindAsync(
            "SELECT installation, number, map FROM shard_placement WHERE id = 1", row => new ShardPlacement(row.Text(0), row.Int(1), row.Text(2)))).ConfigureAwait(false);

    private static async ValueTask<bool> InsertAsync(SqlSession sql, ShardPlacement placement) =>
        await sql.ExecuteAsync(
            "INSERT INTO shard_placement (id, installation, number, map) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING",
            placement.Installation, placement.Number, placement.Map).ConfigureAwait(false) == 1;

    private static async Task<bool> HasPeopleAsync(Database database) =>
        await database.ReadAsync(sql => sql.FindAsync(
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM grants) THEN 1 ELSE 0 END", row => row.Long(0))).ConfigureAwait(false) == 1;
}
