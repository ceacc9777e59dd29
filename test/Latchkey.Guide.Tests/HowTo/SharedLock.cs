using Latchkey.Client.Tokens;
using Medallion.Threading;

internal sealed class SharedLock(IDistributedLockProvider locks) : ITokenLock
{
    public async ValueTask<IAsyncDisposable> AcquireAsync(string name, CancellationToken cancellationToken) =>
        await locks.AcquireLockAsync("latchkey-" + name, cancellationToken: cancellationToken);
}
