using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Reliability.Tests.StoreFaults;

/// <summary>How a call of the database goes wrong.</summary>
public enum Fault
{
    None,

    /// <summary>Nothing was done, and the caller is told so.</summary>
    Before,

    /// <summary>It was done, and the caller is told that nobody knows: the answer was lost.</summary>
    After,

    /// <summary>It was not done, and the caller is told that it was: what no engine may do. The control.</summary>
    Forget,
}

/// <summary>
/// A database that fails at the k-th call that requests make. The server's own background work doesn't fail, and waits while one looks at what a request wrote.
/// </summary>
internal sealed class FaultyDatabase(Database inner) : Database
{
    private readonly HttpContextAccessor _request = new HttpContextAccessor();
    private readonly SemaphoreSlim _background = new(1, 1);
    private Fault _fault;
    private int _left;

    public override string Engine => inner.Engine;

    public override string Location => inner.Location;

    /// <summary>Whether the fault happened.</summary>
    public bool Struck { get; private set; }

    /// <summary>Whether it happened after a write, or instead of one.</summary>
    public bool StruckWrite { get; private set; }

    /// <summary>How many writes were committed since it was armed.</summary>
    public int Committed { get; private set; }

    /// <summary>Lets the k-th call from now on fail.</summary>
    public void Arm(Fault fault, int at) => (_fault, _left, Struck, StruckWrite, Committed) = (fault, at, false, false, 0);

    public void Disarm() => _fault = Fault.None;

    /// <summary>Lets the background's writes wait until what is given back is disposed of.</summary>
    public async Task<IDisposable> HoldBackgroundAsync()
    {
        await _background.WaitAsync();
        return new Held(_background);
    }

    public override async ValueTask<T> ReadAsync<T>(Func<SqlSession, ValueTask<T>> read)
    {
        // A read that was done and one that was not are the same to everybody.
        if (Next() is not (Fault.None or Fault.Forget)) throw Away();
        return await inner.ReadAsync(read);
    }

    public override async ValueTask<GrantWithPerson?> FindGrantAsync(RowId id)
    {
        if (Next() is not (Fault.None or Fault.Forget)) throw Away();
        return await inner.FindGrantAsync(id);
    }

    public override async ValueTask<T> WriteAsync<T>(Func<SqlSession, ValueTask<T>> write)
    {
        if (_request.HttpContext is null)
        {
            await _background.WaitAsync();
            using (new Held(_background)) return await inner.WriteAsync(write);
        }

        var fault = Next();
        StruckWrite |= fault != Fault.None;
        if (fault == Fault.Before) throw Away();
        if (fault == Fault.Forget) return await ForgetAsync(write);
        var result = await inner.WriteAsync(write);
        Committed++;
        return fault == Fault.After ? throw Away() : result;
    }

    public override async ValueTask<bool> RotateAsync(RowId id, int generation, long now)
    {
        var fault = Next();
        StruckWrite |= fault != Fault.None;
        if (fault == Fault.Before) throw Away();
        if (fault == Fault.Forget) return true;
        var result = await inner.RotateAsync(id, generation, now);
        Committed++;
        return fault == Fault.After ? throw Away() : result;
    }

    public override Task MigrateAsync(IReadOnlyList<Migration> migrations) => inner.MigrateAsync(migrations);

    public override ValueTask<bool> IsAvailableAsync() => inner.IsAvailableAsync();

    public override ValueTask DisposeAsync() => inner.DisposeAsync();

    private static DatabaseUnavailableException Away() => new("The database is away, as the test wants.");

    private async ValueTask<T> ForgetAsync<T>(Func<SqlSession, ValueTask<T>> write)
    {
        T? result = default;
        try
        {
            await inner.WriteAsync<T>(async sql =>
            {
                result = await write(sql);
                throw new OperationCanceledException("undone");
            });
        }
        catch (OperationCanceledException)
        {
            // It is as if it had never been.
        }

        return result!;
    }

    private Fault Next()
    {
        if (_fault == Fault.None || _request.HttpContext is null || --_left != 0) return Fault.None;
        Struck = true;
        return _fault;
    }

    private sealed class Held(SemaphoreSlim gate) : IDisposable
    {
        public void Dispose() => gate.Release();
    }
}
