namespace Latchkey.Storage;

/// <summary>
/// The audit's newest events as they come, each once. Where several nodes write, an event has its number before its transaction is committed, so one may
/// come after another with a higher number: numbers that were left out are asked for again for a while.
/// </summary>
public sealed class AuditTail
{
    private const int StepSize = 500;

    // Longer than any transaction lives.
    private const long PatienceMilliseconds = 30_000;

    // Numbers that were given and never written, as by transactions that were undone, are not kept without end.
    private const int MostMissing = 10_000;

    private readonly Database _database;
    private readonly SortedDictionary<long, long> _missing = [];
    private long _last;

    private AuditTail(Database database) => _database = database;

    /// <summary>Begins after what there is now.</summary>
    /// <param name="database">Where the audit is.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public static async ValueTask<AuditTail> BeginAsync(Database database, long now)
    {
        var tail = new AuditTail(database);
        var newest = await database.ReadAsync(sql => AuditLog.ListAsync(sql, 0, new AuditFilter(), StepSize)).ConfigureAwait(false);
        // What is not among them is long over.
        if (newest.Count == StepSize) tail._last = newest[0].Id - 1;
        foreach (var entry in newest) tail.Pass(entry.Id, now);
        return tail;
    }

    /// <summary>What has come since the last call, in the order of its numbers but for what comes late.</summary>
    /// <param name="filter">Only those that match.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; the next call goes on where this one was to.</exception>
    public async ValueTask<List<AuditEvent>> NextAsync(AuditFilter filter, long now)
    {
        while (_missing.Count > 0 && _missing.First() is var oldest && (now - oldest.Value > PatienceMilliseconds || _missing.Count > MostMissing)) _missing.Remove(oldest.Key);
        var after = _missing.Count > 0 ? _missing.First().Key - 1 : _last;
        var (last, late) = (_last, after < _last);
        var (came, fresh) = await _database.ReadAsync(async sql => (
            late ? await AuditLog.ListBetweenAsync(sql, after, last).ConfigureAwait(false) : [],
            await AuditLog.ListAfterAsync(sql, last, StepSize).ConfigureAwait(false))).ConfigureAwait(false);
        var events = came.FindAll(entry => _missing.Remove(entry.Id));
        foreach (var entry in fresh) Pass(entry.Id, now);
        events.AddRange(fresh);
        return events.FindAll(filter.Matches);
    }

    private void Pass(long id, long now)
    {
        for (var missing = Math.Max(_last + 1, id - MostMissing); missing < id; missing++) _missing[missing] = now;
        _last = id;
    }
}
