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

    private readonly Tail[] _tails;

    private AuditTail(Tail[] tails) => _tails = tails;

    /// <summary>Begins after what there is now.</summary>
    /// <param name="database">Where the audit is.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public static async ValueTask<AuditTail> BeginAsync(Database database, long now)
    {
        var tails = database.Shards.Select(shard => new Tail(shard)).ToArray();
        foreach (var tail in tails) await tail.BeginAsync(now).ConfigureAwait(false);
        return new(tails);
    }

    /// <summary>What has come since the last call, in the order of its numbers but for what comes late; of several databases, one after the other.</summary>
    /// <param name="filter">Only those that match.</param>
    /// <param name="now">Unix milliseconds.</param>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; the next call goes on where this one was to.</exception>
    public async ValueTask<List<AuditEvent>> NextAsync(AuditFilter filter, long now)
    {
        // All is read before anything is told: what one database gave is not lost when the next can't be reached.
        foreach (var tail in _tails) await tail.ReadAsync(now).ConfigureAwait(false);
        var events = new List<AuditEvent>();
        for (var i = 0; i < _tails.Length; i++) events.AddRange(AuditLog.Numbered(_tails[i].Take(), _tails.Length, i));
        return events.FindAll(filter.Matches);
    }

    /// <summary>The tail of one database.</summary>
    private sealed class Tail(Database database)
    {
        private readonly SortedDictionary<long, long> _missing = [];
        private List<AuditEvent> _read = [];
        private long _last;

        public async ValueTask BeginAsync(long now)
        {
            var newest = await database.ReadAsync(sql => AuditLog.ListAsync(sql, new AuditFilter(), StepSize)).ConfigureAwait(false);
            newest.Sort((a, b) => a.Id.CompareTo(b.Id));
            // What is not among them is long over.
            if (newest.Count == StepSize) _last = newest[0].Id - 1;
            foreach (var entry in newest) Pass(entry.Id, now);
        }

        public async ValueTask ReadAsync(long now)
        {
            while (_missing.Count > 0 && _missing.First() is var oldest && (now - oldest.Value > PatienceMilliseconds || _missing.Count > MostMissing)) _missing.Remove(oldest.Key);
            var after = _missing.Count > 0 ? _missing.First().Key - 1 : _last;
            var (last, late) = (_last, after < _last);
            var (came, fresh) = await database.ReadAsync(async sql => (
                late ? await AuditLog.ListBetweenAsync(sql, after, last).ConfigureAwait(false) : [],
                await AuditLog.ListAfterAsync(sql, last, StepSize).ConfigureAwait(false))).ConfigureAwait(false);
            _read.AddRange(came.FindAll(entry => _missing.Remove(entry.Id)));
            foreach (var entry in fresh) Pass(entry.Id, now);
            _read.AddRange(fresh);
        }

        public List<AuditEvent> Take()
        {
            var taken = _read;
            _read = [];
            return taken;
        }

        private void Pass(long id, long now)
        {
            for (var missing = Math.Max(_last + 1, id - MostMissing); missing < id; missing++) _missing[missing] = now;
            _last = id;
        }
    }
}
