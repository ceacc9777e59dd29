using System.Collections.Concurrent;

namespace Latchkey.Storage.PostgreSql;

/// <summary>Grants that refreshes ask for at the same time: one round trip reads many.</summary>
/// <param name="run">Reads those of some ids that there are, each with what it stands on.</param>
internal sealed class GrantReads(Func<IReadOnlyList<RowId>, Task<List<GrantWithPerson>>> run) : Gathering<GrantRead>
{
    protected override string Kind => "reads";

    /// <summary>Finds a grant, together with whoever else looks for one.</summary>
    public Task<GrantWithPerson?> FindAsync(RowId id)
    {
        var read = new GrantRead(id);
        Add(read);
        return read.Done.Task;
    }

    protected override IReadOnlyList<GrantRead> Take(ConcurrentQueue<GrantRead> waiting)
    {
        var batch = new List<GrantRead>();
        while (batch.Count < Grants.ManyWithPerson && waiting.TryDequeue(out var read)) batch.Add(read);
        return batch;
    }

    protected override async Task RunAsync(IReadOnlyList<GrantRead> batch)
    {
        try
        {
            var found = await run([.. batch.Select(read => read.Id)]).ConfigureAwait(false);
            foreach (var read in batch) read.Done.SetResult(found.Find(each => each.Grant.Id == read.Id));
        }
#pragma warning disable CA1031 // whatever it was, each of those who wait hears of it
        catch (Exception exception)
#pragma warning restore CA1031
        {
            foreach (var read in batch) read.Done.TrySetException(exception);
        }
    }
}

/// <summary>One read that waits.</summary>
internal sealed class GrantRead(RowId id)
{
    public RowId Id => id;

    public TaskCompletionSource<GrantWithPerson?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
