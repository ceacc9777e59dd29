namespace Latchkey.Client.Tokens;

/// <summary>
/// Lets one at a time renew a token. Within a process that is always so; put a lock of your database or cache here so that it is so for all nodes of a
/// service: two nodes that use one rotated refresh token at once can end the person's session.
/// </summary>
public interface ITokenLock
{
    /// <summary>Waits for the lock.</summary>
    /// <param name="name">What is locked: letters, digits, <c>-</c> and <c>_</c>, at most 64 of them, without any secret in it.</param>
    /// <param name="cancellationToken">Ends the wait; it comes by itself after a minute.</param>
    /// <returns>What gives the lock back when it is disposed of. It should give itself back when its process dies.</returns>
    ValueTask<IAsyncDisposable> AcquireAsync(string name, CancellationToken cancellationToken);
}
