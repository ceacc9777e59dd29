using Latchkey.Server;
using Latchkey.Server.Admin;

namespace Latchkey.Cli;

/// <summary>Brings schema, keys and declared state in order before anything else of the host starts.</summary>
internal sealed class Preparation(IServiceProvider services, DeclaredState state) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => services.PrepareLatchkeyServerAsync(state);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
