using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Storage;
using Latchkey.Storage.PostgreSql;

namespace Latchkey.Cli;

/// <summary>Brings schema, key ring, keys and declared state in order before anything else of the host starts.</summary>
internal sealed class Preparation(IServiceProvider services, ServeSettings settings) : IHostedLifecycleService
{
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        var database = services.GetRequiredService<Database>();
        // Nobody is served yet, and a large state takes its time.
        if (database is PostgreSqlDatabase preparing) preparing.Patience = TimeSpan.FromMinutes(10);
        await services.PrepareDatabaseAsync().ConfigureAwait(false);
        await services.PrepareKeyRingAsync(isShared: !settings.Database.IsFile).ConfigureAwait(false);
        await services.ApplyDeclaredStateAsync(settings.State, StateApplier.ConfigActor).ConfigureAwait(false);
        if (database is PostgreSqlDatabase serving) serving.Patience = PostgreSqlDatabase.Serving;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
