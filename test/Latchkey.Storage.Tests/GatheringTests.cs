using System.Collections.Concurrent;
using Latchkey.Storage.PostgreSql;

namespace Latchkey.Storage.Tests;

public sealed class GatheringTests
{
    [Fact]
    public async Task Who_comes_while_the_last_place_is_being_left_is_not_forgotten()
    {
        var gathering = new OneByOne();
        var (first, second) = (new TaskCompletionSource(), new TaskCompletionSource());
        // Both places are taken, and one of them finds nothing more to do.
        gathering.Add("first", first.Task);
        gathering.Add("second", second.Task);
        gathering.WhenEmpty = () => gathering.Add("between", Task.CompletedTask);
        first.SetResult();
        await gathering.Ran("between").WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        Assert.False(gathering.Ran("second").IsCompleted);
        second.SetResult();
        await gathering.Ran("second").WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    private sealed class OneByOne : Gathering<(string Name, Task Until)>
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _ran = new();

        /// <summary>What happens once between the look that finds nothing and the leaving.</summary>
        public Action? WhenEmpty { get; set; }

        protected override string Kind => "items";

        public void Add(string name, Task until) => Add((name, until));

        public Task Ran(string name) => Of(name).Task;

        protected override IReadOnlyList<(string Name, Task Until)> Take(ConcurrentQueue<(string Name, Task Until)> waiting)
        {
            if (waiting.TryDequeue(out var item)) return [item];
            var come = WhenEmpty;
            WhenEmpty = null;
            come?.Invoke();
            return [];
        }

        protected override async Task RunAsync(IReadOnlyList<(string Name, Task Until)> batch)
        {
            await batch[0].Until;
            Of(batch[0].Name).SetResult();
        }

        private TaskCompletionSource Of(string name) => _ran.GetOrAdd(name, _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
    }
}
